// The whole page: which view is shown, and what is shown instead while there is no answer.
import { useEffect } from 'preact/hooks';
import { resource } from './api';
import { ConditionPanel } from './components/condition';
import { Empty } from './components/empty';
import { Header } from './components/header';
import { OperationsView } from './components/operations';
import { OverviewView } from './components/overview';
import { Problem } from './components/problem';
import { Toolbar } from './components/toolbar';
import { useAddress, type Navigation } from './state';
import { useLive, type Live } from './stream';

function useTitle({ state }: Navigation): void {
  const title =
    state.view === 'operations'
      ? 'Operations'
      : state.tenant === null
        ? 'All tenants'
        : `Tenant ${state.tenant}`;
  useEffect(() => {
    document.title = `${title} – Millrace`;
  }, [title]);
}

function Loading() {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading</span>
      <div class="skeleton tiles">
        <i /> <i /> <i /> <i />
      </div>
      <div class="skeleton large">
        <i />
      </div>
    </div>
  );
}

function Body({ live, navigation, path }: { live: Live; navigation: Navigation; path: string }) {
  const { answer, error } = live;
  const current = answer?.path === path;
  if (error && !current) return <Problem error={error} />;
  if (answer === null || answer.view !== navigation.state.view) return <Loading />;
  if (answer.view === 'operations') return <OperationsView data={answer.data} />;
  const { data } = answer;
  return (
    <>
      <ConditionPanel condition={data.condition} warnings={data.warnings} now={data.generated_at} />
      {data.empty ? <Empty /> : <OverviewView data={data} navigation={navigation} stale={!current} />}
    </>
  );
}

/** Tenant and time can be chosen even if there is nothing to show for them, but not before the first event. */
function choosable({ answer }: Live, { state }: Navigation): boolean {
  return state.view === 'overview' && !(answer?.view === 'overview' && answer.data.empty);
}

export function App() {
  const navigation = useAddress();
  useTitle(navigation);
  const path = resource(navigation.state);
  const live = useLive(path);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the figures
      </a>
      <Header navigation={navigation} live={live} />
      <main id="main" tabIndex={-1}>
        {choosable(live, navigation) && <Toolbar navigation={navigation} />}
        <Body live={live} navigation={navigation} path={path} />
      </main>
    </>
  );
}
